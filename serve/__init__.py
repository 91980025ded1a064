"""Online scoring: the Ray Serve app, its web page, and the SageMaker container contract."""
