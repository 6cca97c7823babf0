"""The currencies that a price can be in, by their ISO 4217 codes.

From the list that SIX publishes for ISO (https://www.six-group.com/en/products-services/financial-information/
market-reference-data/data-standards.html), published 2026-01-01. Left out are funds, metals, and codes
without a minor unit: nobody pays a bill in those. The database holds prices to this list, so a change of it
is a migration.
"""

from decimal import Decimal

CODES = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP
CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG
HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL
MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR
RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD
TZS UAH UGX USD UYU UYW UZS VED VES VND VUV WST XAD XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""
CURRENCIES = tuple(CODES.split())


def priced(amount: Decimal | float | str, currency: str = "USD") -> str:
    """An amount as every page writes it: `$1,234.50`, `EUR 23.00`."""
    text = f"{Decimal(amount):,.2f}"
    return f"${text}" if currency == "USD" else f"{currency} {text}"
