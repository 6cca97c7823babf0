"""A table that a person uploads."""

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile

from numbers.services.csv_tables import MOST_BYTES


class TableField(forms.FileField):
    """A CSV file, of at most MOST_BYTES."""

    default_error_messages = {"required": "Choose a file.", "empty": "This file is empty."}

    def __init__(self, **options) -> None:
        super().__init__(**{"label": "CSV file", **options})

    def clean(self, data, initial=None) -> UploadedFile:
        file = super().clean(data, initial)
        if file and file.size > MOST_BYTES:
            raise ValidationError(
                f"This file is larger than {MOST_BYTES // 1_000_000} MB. Split it into smaller files."
            )
        return file
