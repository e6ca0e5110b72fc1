import pytest
pytestmark = pytest.mark.django_db
def test_it_migrates(): 
    from sync.models import Flow
