"""The model package: weights, facts and card, on disk, on S3 or as ONNX."""
