"""Amazon SageMaker: requests to the service, and the training job inside the container."""
