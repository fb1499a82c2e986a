"""The connections of each page: what the person does -> controllers -> what is shown."""
