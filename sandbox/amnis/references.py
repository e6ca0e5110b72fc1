"""Swiss payment identifiers with valid check digits, for an invented world. Pure."""

_CARRY = (0, 9, 4, 6, 8, 2, 7, 1, 3, 5)  # the recursive modulo 10 table of the Swiss payment standards
_BANK = "09999"  # no bank has this number
_QR_BANK = "30999"  # QR-IBANs carry 30000 to 31999 in this place


def qr_reference(number: int) -> str:
    """27 digits, the last one the check digit (modulo 10, recursive)."""
    body = f"{number:026d}"
    carry = 0
    for digit in body:
        carry = _CARRY[(carry + int(digit)) % 10]
    return body + str((10 - carry) % 10)


def creditor_reference(text: str) -> str:
    """ISO 11649: `RF`, two check digits, then the text (letters and digits, at most 21)."""
    return f"RF{_check_digits(text + 'RF00'):02d}{text}"


def swiss_iban(account: int, *, qr: bool = False) -> str:
    body = (_QR_BANK if qr else _BANK) + f"{account:012d}"
    return f"CH{_check_digits(body + 'CH00'):02d}{body}"


def foreign_iban(country: str, account: int) -> str:
    """A checksum-valid number of the right length for the countries of the demo world."""
    length = {"DE": 18, "AT": 16, "FR": 23, "IT": 23, "CZ": 20, "GB": 18, "LT": 16}[country]
    body = f"{account:0{length}d}"
    return f"{country}{_check_digits(body + country + '00'):02d}{body}"


def _check_digits(text: str) -> int:
    return 98 - int("".join(str(int(sign, 36)) for sign in text)) % 97
