"""SageMaker: requests from outside, and the training job in its container."""
