#!/usr/bin/env bash
# Run a real S3 server (a Ceph gateway, data in memory) on 127.0.0.1 for `make test-s3`.
#
#   scripts/start_s3.sh start DIR   install Ceph if it is missing (Debian, root), start, wait
#   scripts/start_s3.sh stop  DIR   end the processes that start began; DIR holds their ids
#   scripts/start_s3.sh env         print the variables that clients need, as NAME=VALUE lines
#   scripts/start_s3.sh run CMD...  start, run CMD with those variables, stop
#
# Unlike moto, this server checks signatures, supports conditional writes and hides unfinished
# uploads. All stored data is lost after stop.
set -euo pipefail

PORT=${S3_PORT:-7480}
URL=http://127.0.0.1:$PORT
KEY=video-emotion-key
SECRET=video-emotion-secret
DAEMONS="radosgw osd.0 mon.a" # in the order in which stop ends them

fail() {
    echo "start_s3.sh: $*" >&2
    exit 1
}

install_ceph() {
    local program missing=
    for program in ceph ceph-mon ceph-osd radosgw radosgw-admin monmaptool curl; do
        command -v "$program" >/dev/null || missing="$missing $program"
    done
    [ -n "$missing" ] || return 0
    command -v apt-get >/dev/null && [ "$(id -u)" -eq 0 ] ||
        fail "needs$missing: install Ceph's monitor, OSD and gateway, or run this as root on Debian"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        ceph-common ceph-mon ceph-osd curl radosgw >/dev/null
}

write_config() { # state fsid
    cat >"$1/ceph.conf" <<CONF
[global]
fsid = $2
mon host = [v2:127.0.0.1:40300/0,v1:127.0.0.1:40301/0]
public network = 127.0.0.0/8
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
run dir = $1/run
pid file = $1/run/\$name.pid
log file = $1/run/\$name.log
admin socket = $1/run/\$name.asok
mon data = $1/mon
osd data = $1/osd
# One copy in memory, whatever the disk has to say.
osd objectstore = memstore
memstore device bytes = 4294967296
osd crush update on start = true
osd crush chooseleaf type = 0
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
mon allow pool size one = true
mon warn on pool no redundancy = false
mon data avail warn = 2
mon data avail crit = 1
mon pg warn min per osd = 0
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:$PORT
rgw dns name = localhost
CONF
}

wait_for() { # seconds command...
    local left=$1
    shift
    until "$@" >/dev/null 2>&1; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || return 1
        sleep 1
    done
}

start_monitor() { # state fsid
    monmaptool --create --clobber --fsid "$2" \
        --addv a '[v2:127.0.0.1:40300,v1:127.0.0.1:40301]' "$1/monmap" >/dev/null
    ceph-mon -c "$1/ceph.conf" -i a --mkfs --monmap "$1/monmap"
    ceph-mon -c "$1/ceph.conf" -i a
    wait_for 20 timeout 5 ceph -c "$1/ceph.conf" -s || fail "the monitor does not answer"
}

start_storage() { # state
    local uuid
    uuid=$(cat /proc/sys/kernel/random/uuid)
    timeout 30 ceph -c "$1/ceph.conf" osd new "$uuid" >/dev/null
    ceph-osd -c "$1/ceph.conf" -i 0 --mkfs --osd-uuid "$uuid" >/dev/null 2>&1
    ceph-osd -c "$1/ceph.conf" -i 0 >/dev/null 2>&1
    wait_for 30 storage_is_up "$1" || fail "the object store does not come up"
}

storage_is_up() { # state
    timeout 5 ceph -c "$1/ceph.conf" osd stat 2>/dev/null | grep -q '1 up'
}

start_gateway() { # state
    setsid nohup radosgw -c "$1/ceph.conf" -n client.rgw --log-file "$1/run/rgw.log" -f \
        >"$1/run/rgw.out" 2>&1 </dev/null &
    echo $! >"$1/run/radosgw.pid"
    wait_for 60 curl -s -m 2 -o /dev/null "$URL/" || fail "the gateway does not answer at $URL"
    timeout 60 radosgw-admin -c "$1/ceph.conf" user create --uid=test --display-name=test \
        --access-key="$KEY" --secret-key="$SECRET" >/dev/null 2>&1 || fail "no user could be made"
}

start() { # state
    if curl -s -m 2 -o /dev/null "$URL/" 2>/dev/null; then
        fail "something answers at $URL already; set S3_PORT or stop it"
    fi
    [ ! -e "$1/ceph.conf" ] || fail "$1 holds an earlier server's state; stop it and name a new folder"
    install_ceph
    mkdir -p "$1/mon" "$1/osd" "$1/run"
    local fsid
    fsid=$(cat /proc/sys/kernel/random/uuid)
    write_config "$1" "$fsid"
    start_monitor "$1" "$fsid"
    start_storage "$1"
    start_gateway "$1"
    echo "S3 answers at $URL"
}

stop() { # state
    local name pid
    for name in $DAEMONS; do
        [ -s "$1/run/$name.pid" ] || continue
        pid=$(cat "$1/run/$name.pid")
        kill "$pid" 2>/dev/null || continue
        wait_for 15 process_is_gone "$pid" || echo "process $pid ($name) has not ended yet" >&2
    done
}

process_is_gone() { # pid
    ! kill -0 "$1" 2>/dev/null
}

print_env() {
    echo "AWS_ENDPOINT_URL=$URL"
    echo "AWS_ACCESS_KEY_ID=$KEY"
    echo "AWS_SECRET_ACCESS_KEY=$SECRET"
    echo "AWS_DEFAULT_REGION=us-east-1"
    # S3 servers older than 2025 refuse the checksums that newer clients send by default.
    echo "AWS_REQUEST_CHECKSUM_CALCULATION=when_required"
    echo "AWS_RESPONSE_CHECKSUM_VALIDATION=when_required"
}

run() { # command...
    STATE=$(mktemp -d) # not local: the trap runs after this function
    trap 'stop "$STATE"; rm -rf "$STATE"' EXIT
    start "$STATE"
    # shellcheck disable=SC2046  # a word per variable
    env $(print_env) "$@"
}

case ${1:-} in
start | stop) "$1" "$(realpath -m "${2:?name a folder for the state}")" ;;
env) print_env ;;
run) shift && run "$@" ;;
*) fail "start DIR, stop DIR, env or run COMMAND" ;;
esac
