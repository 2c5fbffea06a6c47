package simulator

// parseEntities applies parse_mode; placeholder for the real parser.
func parseEntities(text, mode string) (string, string, *apiError) {
	return text, "", nil
}
