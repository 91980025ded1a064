"""What is stored and sent: Arrow schemas, API models and Great Expectations suites."""
