"""The nouns of the business: frozen values, standard library only."""
