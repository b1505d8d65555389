"""MediaPipe's hand landmark network."""
