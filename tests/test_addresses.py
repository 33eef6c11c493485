"""Which addresses are public, and what an entry of `allow_private` opens (S1, S2)."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.addresses import NetworkRules, is_public
from listener.errors import ConfigError

PRIVATE = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255", "127.0.0.1",
    "127.255.255.255", "168.63.129.16", "169.254.0.1", "169.254.169.254", "169.254.170.2", "172.16.0.1",
    "172.31.255.255", "192.0.0.8", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1",
    "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:7f00:1::", "2001:10::1", "2001:20::1",
    "2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1",
    "fec0::1", "ff02::1", "ff0e::1", "2a00:1450:4001::5efe:a00:1", "2a00:1450:4001:0:200:5efe:a00:1",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
    "168.63.129.15", "169.253.255.255", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255", "192.169.0.0",
    "198.17.255.255", "198.20.0.0", "223.255.255.255", "2001:200::1", "2001:4860:4860::8888", "2606:4700::1111",
    "2a00:1450:4001:830::200e",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_of_the_public_internet_is_refused(address):
    assert not is_public(address)
    assert not NetworkRules().allows(address, 443)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_ordinary_address_is_allowed_on_ordinary_ports_only(address):
    rules = NetworkRules()
    assert all(rules.allows(address, port) for port in (80, 443, 8080, 8443))
    assert not any(rules.allows(address, port) for port in (22, 25, 81, 6379, 8000))


@given(st.ip_addresses())
def test_what_python_knows_as_not_global_is_never_public(address):
    assert address.is_global or not is_public(str(address))


@given(st.ip_addresses(v=4))
def test_no_ipv6_address_that_hides_an_ipv4_one_is_public(address):
    hidden = int(address)
    prefixes = ("::ffff:0:0", "64:ff9b::", "::")
    spelled = [str(ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) + hidden)) for prefix in prefixes]
    spelled.append(str(ipaddress.IPv6Address((0x2002 << 112) + (hidden << 80))))
    assert not any(is_public(text) for text in spelled)


def test_an_entry_with_a_port_opens_this_port_of_this_address_only():
    rules = NetworkRules(("127.0.0.1:8000",))
    assert rules.allows("127.0.0.1", 8000)
    assert not rules.allows("127.0.0.1", 80)
    assert not rules.allows("127.0.0.1", 8001)
    assert not rules.allows("127.0.0.2", 8000)
    assert not rules.allows("::ffff:127.0.0.1", 8000)


def test_an_entry_without_a_port_opens_the_ordinary_ports():
    rules = NetworkRules(("192.168.1.0/24",))
    assert rules.allows("192.168.1.7", 80)
    assert rules.allows("192.168.1.7", 8443)
    assert not rules.allows("192.168.1.7", 22)
    assert not rules.allows("192.168.2.7", 80)


def test_a_name_opens_whatever_it_is_found_at_and_nothing_else():
    rules = NetworkRules(("nas.local:8080", "Feeds.Example.org.:8888"))
    assert rules.allows("192.168.1.7", 8080, "nas.local")
    assert not rules.allows("192.168.1.7", 8080, "other.local")
    assert not rules.allows("192.168.1.7", 8080)
    assert not rules.allows("192.168.1.7", 80, "nas.local")
    assert rules.allows("8.8.8.8", 8888, "feeds.example.org")
    assert not rules.allows("8.8.8.8", 8888, "example.org")


@pytest.mark.parametrize(
    "entry", ["[::1]:8000", "[::1/128]:8000", "::1/128", "[fd00::]", "fd00::/8", "127.0.0.0/8:8000"]
)
def test_networks_of_both_kinds_are_read_with_and_without_port(entry):
    rules = NetworkRules((entry,))
    port = 8000 if entry.endswith(":8000") else 443
    address = {"[": "::1", ":": "::1", "f": "fd00::", "1": "127.9.9.9"}[entry[0]]
    address = "fd00::" if "fd00" in entry else address
    assert rules.allows(address, port)
    assert not rules.allows("10.0.0.1", port)


@pytest.mark.parametrize(
    "entry",
    ["", " ", "nas.local:", "nas.local:0", "nas.local:70000", "nas.local:eighty", "http://nas.local", "nas.local/feed",
     "127.0.0.0/33", "127.0.0.1/8/8", "256.0.0.1", "[::1", "[::1]:", "[nas.local]:80", "a b", "-", "10.0.0.1-9",
     "*.local"],
)  # fmt: skip
def test_an_entry_that_cannot_be_read_is_named(entry):
    with pytest.raises(ConfigError, match="allow_private") as caught:
        NetworkRules(("127.0.0.1", entry))
    assert repr(entry) in str(caught.value)


def test_a_port_that_is_none_is_named():
    with pytest.raises(ConfigError, match="70000"):
        NetworkRules(ports=(80, 70_000))


def test_a_url_may_name_a_port_that_is_ordinary_or_opened():
    rules = NetworkRules(("nas.local:9000", "10.0.0.0/8:7000"))
    assert rules.allows_port(443, "example.org")
    assert not rules.allows_port(22, "example.org")
    assert rules.allows_port(9000, "nas.local")
    assert not rules.allows_port(9000, "example.org")
    # A name may be found inside the network, so the port must wait for the address.
    assert rules.allows_port(7000, "inside.example.org")


def test_opened_hosts_are_known_by_name_or_literal_address():
    rules = NetworkRules(("nas.local:9000", "10.0.0.0/8", "[::1]:80"))
    assert [rules.opens(host) for host in ("nas.local", "10.1.2.3", "[::1]")] == [True, True, True]
    assert [rules.opens(host) for host in ("example.org", "11.1.2.3", "[::2]")] == [False, False, False]
    assert not NetworkRules().opens("127.0.0.1")


def test_configured_ports_replace_the_ordinary_ones():
    rules = NetworkRules(ports=(443, 9443))
    assert rules.allows("8.8.8.8", 9443)
    assert not rules.allows("8.8.8.8", 80)
