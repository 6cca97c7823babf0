"""Amounts of money as every page writes them."""

from decimal import Decimal


def priced(amount: Decimal | str, currency: str = "USD") -> str:
    """`$1,234.50`, `EUR 23`: cents only where there are some."""
    text = f"{Decimal(amount):,.2f}".removesuffix(".00")
    return f"${text}" if currency == "USD" else f"{currency} {text}"
