clean-tests:
