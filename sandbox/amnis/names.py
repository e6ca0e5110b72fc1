"""Invented people and companies of the demo world, pleasant and nasty ones. Pure data."""

CUSTOMERS_CHF = (
    "Beispiel Möbel AG",
    "Küchenstudio Exempla GmbH",
    "Probst & Söhne Musterbau AG",
    "Gärtnerei Blütentraum Muster",
    "Hotel Beispielblick AG",
    "Café Zwölf Exempla GmbH",
    "Lea Musterfrau",
)
CUSTOMERS_EUR = (
    "Beispiel Vertriebs GmbH",
    "Exempla Handels KG",
    "Ateliers Exemplaires SAS",
    "Esempio Forniture S.r.l.",
)
CUSTOMERS_USD = ("Sample Outfitters Inc.", "Example Outdoor LLC")
EMPLOYEES = ("Lina Beispiel", "Jonas Muster", "Aylin Probe", "Marc Exempel")
PAYMENT_SERVICE = "Payrail Europe Ltd"
AMNIS = "AMNIS Treasury Services AG"
TRADER = "Exempla Trading GmbH"

# merchant, country, category code of the card schemes, original currency, lowest and highest price, category in Amnis
SUBSCRIPTIONS = (
    ("WOLKENHOST.EXAMPLE", "US", "7372", "USD", "129.00", "Software und Lizenzen"),
    ("NOTIZBLOCK PRO BERLIN", "DE", "5734", "EUR", "48.00", "Software und Lizenzen"),
    ("ADLERAUGE ANALYTICS", "CH", "7372", "CHF", "86.50", "Software und Lizenzen"),
    ("TICKETFUCHS SUPPORT", "GB", "5734", "GBP", "35.00", None),
)
SHOPS = (
    ("RESTAURANT ZUM MUSTER ZUERICH", "CH", "5812", "CHF", (2400, 18900), "Bewirtung"),
    ("TRATTORIA ESEMPIO MILANO", "IT", "5812", "EUR", (3200, 14500), "Bewirtung"),
    ("BAHN BEISPIEL TICKETSHOP", "CH", "4112", "CHF", (820, 12400), "Reisekosten"),
    ("LUFTLINIE EXEMPLA", "DE", "4511", "EUR", (14900, 68900), "Reisekosten"),
    ("HOTEL MUSTERHOF WIEN", "AT", "7011", "EUR", (11800, 42000), "Reisekosten"),
    ("TAXI PROBE GENEVE", "CH", "4121", "CHF", (1450, 6200), "Reisekosten"),
    ("PAPETERIE PROBE", "CH", "5943", "CHF", (790, 9900), "Büromaterial"),
    ("TANKSTELLE BEISPIEL", "CH", "5541", "CHF", (4800, 11900), None),
)
SUPPLIERS_CHF = (
    ("Probst Logistik AG", (180000, 640000)),
    ("Musterwerke Strom AG", (34000, 61000)),
    ("Versicherung Exempla AG", (52000, 52000)),
    ("Treuhand Probe & Partner", (95000, 180000)),
)

NASTY = (
    "Müller & Söhne Bäckerei Übermut",
    "<script>alert('Muster')</script> AG",
    "<b>Fett</b> & Co. \"Anführung\" 'Apostroph'",
    "\u202eAG lepmexE\u202c",
    "Null\x00Byte und\x07 Glocke\tTab\nZeile GmbH",
    "Null\u200bBreite\u2066 Isolat\u2069 AG",
    "Sehr lange Firma " + "Beispiel " * 31 + "AG",
    '=HYPERLINK("http://falle.example","Rechnung")',
    "+41 44 000 00 00",
    "-2+3 GmbH",
    "@SUMME(A1:A9)",
    "🦊 Fuchs & Freunde 🎿",
    "<!channel> <https://falle.example|Rechnung> *fett* `code` :tada:",
    "Robert'); DROP TABLE entries;--",
    "  Leerzeichen  vorn und hinten  ",
    "Cafe\u0301 Zerlegt SARL",
    "見本商事株式会社",
    'דוגמה בע"מ',
    "%s %(name)s {0} {name} ${jndi:muster}",
    "",
)
