"""Model packages: weights, facts and card in a folder, on S3 or in an archive; also as ONNX."""
