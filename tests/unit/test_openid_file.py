"""The file of OpenID Connect providers: what it takes, and that its mistakes are told with their place."""

import json
import re

import pytest

from ddms.errors import DdmsError
from ddms.openid import at, is_safe
from ddms.openid_file import parse
from ddms.settings import Settings

LEAST = "- {name: plant, title: Company, issuer: 'https://id.example', client_id: ddms, default_role: viewer}"


def test_a_whole_file_is_read(tmp_path):
    (tmp_path / "secret").write_text("kept\n")
    (provider,) = parse(f"""
- name: plant
  title: 公司账户
  issuer: https://id.example/realms/plant
  client_id: 12345
  client_secret_file: {tmp_path}/secret
  hosts: [keys.example, "other.example:8443"]
  roles: {{claim: realm_access.roles, owner: chiefs, viewer: [people, guests]}}
  groups: {{claim: groups, devices: {{hall-3: [Hall 3, Hall 3b]}}, everything: it}}
  new_accounts: false
""")
    assert (provider.title, provider.client_id, provider.client_secret) == ("公司账户", "12345", "kept")
    assert (provider.roles.owner, provider.roles.viewer) == (("chiefs",), ("people", "guests"))
    assert provider.groups.devices == {"hall-3": ("Hall 3", "Hall 3b")}
    assert not provider.new_accounts
    assert "kept" not in repr(provider)


def test_json_is_read_too():
    one = {"name": "a", "title": "b", "issuer": "https://id.example", "client_id": "c", "default_role": "viewer"}
    assert parse(json.dumps([one]))[0].name == "a"


def test_an_empty_file_is_no_provider():
    assert parse("") == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "this is not YAML"),
        ("name: plant", "line 1: here is a list"),
        ("- plant", "line 1: this is written as names with values"),
        (f"{LEAST}\n{LEAST}", "two providers have the same name"),
        (LEAST.replace("plant", "Plant!"), "line 1: a provider's name has"),
        (LEAST.replace("https", "http"), "line 1: an issuer looks like"),
        (LEAST.replace("id.example", "id.example/?a=b"), "line 1: an issuer looks like"),
        (LEAST.replace("id.example", "user:secret@id.example"), "line 1: an issuer looks like"),
        (LEAST.replace(", default_role: viewer", ""), "line 1: nobody could come in"),
        (LEAST.replace("viewer", "king"), "line 1: it is one of owner, admin, viewer"),
        (LEAST.replace("title: Company, ", ""), "line 1: title is missing"),
        (LEAST.replace("title", "titel"), "line 1: titel is not known here"),
        (LEAST.replace("Company", "[a]"), "line 1: here is a text"),
        ("\n\n" + LEAST.replace("}", ", scopes: [profile]}"), "line 3: scopes are a list, and openid is one"),
        (LEAST.replace("}", ", client_secret_file: secret}"), "line 1: it is the whole path"),
        (LEAST.replace("}", ", client_secret_file: /no/such}"), "line 1: there is no file"),
        (LEAST.replace("}", ", new_accounts: maybe}"), "line 1: it is true or false"),
        (LEAST.replace("}", ", name: again}"), "line 1: name stands twice"),
        (LEAST.replace("}", ", roles: {owner: a}}"), "line 1: claim is missing"),
        ("[" * 50_000, "too deep"),
        ("# " + "x" * 200_000, "at most"),
    ],
)
def test_a_mistake_is_told_with_its_line(text, told):
    with pytest.raises(ValueError, match=re.escape(told)):
        parse(text)


def test_a_mistake_stops_the_start_and_shows_no_secret():
    with pytest.raises(DdmsError) as mistake:
        Settings.read({"DDMS_OPENID_PROVIDERS": LEAST.replace("title", "client_secret: very-secret, titel")})
    assert "line 1: titel is not known here" in mistake.value.message
    assert "very-secret" not in mistake.value.message


def test_providers_need_the_address_to_which_they_send_people_back():
    with pytest.raises(DdmsError) as mistake:
        Settings.read({"DDMS_OPENID_PROVIDERS": LEAST})
    assert mistake.value.field == "DDMS_PUBLIC_URL"


@pytest.mark.parametrize(
    "url", ["http://ddms.example", "https://ddms.example/path", "ddms.example", "https://", "https://a@b"]
)
def test_the_public_address_is_one_of_https_without_a_path(url):
    with pytest.raises(DdmsError):
        Settings.read({"DDMS_PUBLIC_URL": url})


@pytest.mark.parametrize(
    ("claims", "path", "found"),
    [
        ({"groups": ["a", "b"]}, "groups", ["a", "b"]),
        ({"groups": "a"}, "groups", ["a"]),
        ({"realm_access": {"roles": ["a"]}}, "realm_access.roles", ["a"]),
        ({"https://x.example/roles": ["a"]}, "https://x.example/roles", ["a"]),
        ({"groups": [1, None, "a", ["b"]]}, "groups", ["a"]),
        ({"groups": {"a": 1}}, "groups", []),
        ({"realm_access": []}, "realm_access.roles", []),
        ({}, "groups", []),
    ],
)
def test_a_claim_is_found_by_its_path(claims, path, found):
    assert list(at(claims, path)) == found


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "http://localhost/", "http://[::1]/", "https://id.example:8443/a"]
)
def test_https_is_safe_and_http_on_this_machine(url):
    assert is_safe(url)


@pytest.mark.parametrize(
    "url",
    ["http://id.example", "http://169.254.169.254", "ftp://a", "https://a@b", "https://a\\@b", "https://a:99999", "//a", "", "https://[", "https://a\nb"],
)  # fmt: skip
def test_other_addresses_are_not_safe(url):
    assert not is_safe(url)
