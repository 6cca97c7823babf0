"""What people type, checked: each message stands beside its field and says what to do."""
