"""What is written from the code is up to date."""

from tests.documentation import PAGE, page


def test_the_page_of_the_diagnoses_is_that_of_the_rules() -> None:
    assert PAGE.read_text() == page(), "run `nox -s docs`"
