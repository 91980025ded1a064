# One image for SageMaker (`train`, `serve`) and for Ray clusters.
#
#   docker build -t video-emotion .
#   docker run --rm -p 8080:8080 -v "$PWD/RUN/package:/opt/ml/model:ro" video-emotion serve
FROM python:3.12-slim

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    RAY_USAGE_STATS_ENABLED=0 \
    GX_ANALYTICS_ENABLED=false

# `ray up` copies files into the container, and the head reaches the workers, with these programs.
RUN apt-get update && apt-get install --yes --no-install-recommends openssh-client rsync \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/video-emotion
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY schemas ./schemas
COPY emotion ./emotion
COPY jobs ./jobs
COPY serve ./serve
COPY scripts ./scripts
RUN pip install --constraint constraints.txt . \
    && python -m scripts.fetch_mini_xception \
    && ln -s "$(command -v video-emotion-sagemaker-train)" /usr/local/bin/train \
    && ln -s "$(command -v video-emotion-sagemaker-serve)" /usr/local/bin/serve

# SageMaker mounts /opt/ml as root and starts training as the image's user, so that user is root.
# `serve` writes to the temporary folder only and runs with `docker run --user 1000` too.
EXPOSE 8080
CMD ["serve"]
