def validate_response(*a): pass
