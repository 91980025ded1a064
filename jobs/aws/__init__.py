"""Requests to SageMaker, and the hosts of a training job."""
