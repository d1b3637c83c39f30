"""The groups of operations in the OpenAPI document, by the tag of a `Route`."""

RECOMMENDATIONS = ("Recommendations", "Lists of items for pages: personal, by item, or popular.")
CONSENT = ("Consent", "Statements of customers, their history and their import.")
CUSTOMERS = ("Customers", "Profiles of customers, and their rights: export, merge, erasure.")
CATALOGUE = ("Catalogue", "The items of the shop.")
EVENTS = ("Events", "Views, carts, purchases, impressions and outcomes of offers.")
OFFERS = ("Offers", "Offers, decisions on the best ones for a customer, and claims.")
OPERATION = ("Operation", "Probes, metrics and this document.")
TAGS = {
    "recommendations": RECOMMENDATIONS,
    "pages": RECOMMENDATIONS,
    "consents": CONSENT,
    "consent_history": CONSENT,
    "consent_import": CONSENT,
    "profiles": CUSTOMERS,
    "rights": CUSTOMERS,
    "items": CATALOGUE,
    "events": EVENTS,
    "offers": OFFERS,
    "offer_decisions": OFFERS,
    "claims": OFFERS,
    "decisions": OFFERS,
    "health": OPERATION,
    "exposition": OPERATION,
    "docs": OPERATION,
    "openapi": OPERATION,
}


def tag_list() -> list[dict[str, str]]:
    """Return the described tags, each once."""
    return [{"name": name, "description": text} for name, text in dict.fromkeys(TAGS.values())]
