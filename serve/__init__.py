"""Online scoring: the Ray Serve app, its web page, and SageMaker's HTTP contract."""
