"""What is answered, whatever protocol it was asked in."""
