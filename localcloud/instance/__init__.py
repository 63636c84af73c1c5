"""What an instance reaches: its metadata service, AWS endpoints and their authorization."""
