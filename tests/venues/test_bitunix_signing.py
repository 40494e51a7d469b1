"""Signatures equal the vendor's and the recomputed reference vectors."""

import pytest

from engine.venues.bitunix.signing import query_text, sign_login, sign_rest

BODY_A = (
    '{"symbol":"BTCUSDT","side":"BUY","orderType":"LIMIT","qty":"0.001","price":"25000",'
    '"tradeSide":"OPEN","effect":"GTC","reduceOnly":false}'
)
BODY_B = '{"uid":"2899","arr":[{"id":1,"name":"maple"},{"id":2,"name":"lily"}]}'
BODY_C = (
    '{"symbol":"BTCUSDT","side":"BUY","tradeSide":"OPEN","orderType":"LIMIT","qty":"0.0100","price":"95000.5",'
    '"effect":"POST_ONLY","clientId":"demo-1","reduceOnly":false,"slPrice":"94000.0","slStopType":"MARK_PRICE",'
    '"slOrderType":"MARKET"}'
)
A = ("33333333333333333", "1747104711262", "11111111111111111", "22222222222222222")
B = ("0123456789abcdef0123456789abcdef", 1790000000000, "test-api-key", "test-secret-key")
C = ("123456", "20241120123045", "yourApiKey", "yourSecretKey")
D = ("a1b2c3d4e5f60718293a4b5c6d7e8f90", 1767225600000, "demo-key-0001", "demo-secret-0001")

REST = [
    (A, {"marginCoin": "USDT"}, "", "40e87256554e263e39201a3979469b7fbb640d1c7c41759abf5c6a18f937f922"),
    (
        B,
        {"symbol": "BTCUSDT", "marginCoin": "USDT"},
        "",
        "361713cbdf23d97adf5aa95db7316aa785623d6f6eae910992ab3fc349cb05c4",
    ),
    (B, None, BODY_A, "c140f5df1d7558be1736e01b3366307acae02f1da6191c7e84979331cfd038a7"),
    (C, {"uid": "200", "id": 1}, BODY_B, "00397cd1e52c7dce3258067324363b6361fabc9178a0912b330c138db8745655"),
    (D, {}, "", "ac4750f84e8ef9f6233aec96dc52a97834d8886af208fe3846f49b2ca24544f5"),
    (
        D,
        {"symbol": "BTCUSDT", "marginCoin": "USDT"},
        "",
        "c93cde711899639aae1b545a870f2c9f4790b49e07acec5e6eec7d9a462893f4",
    ),
    (
        D,
        {"symbol": "BTCUSDT", "limit": 10, "orderId": 77, "startTime": 1767222000000},
        "",
        "b443600d476800ee6b73daf21e6f1cfa818a734d84d05c3b44d8f81852e9a5b3",
    ),
    (D, None, BODY_C, "576e979588cf8a9c0068cb3eafa03c14f84f6412b6736f02fe900d40a5195e04"),
    (D, None, "{}", "8c47fb484a7afb8cb9313139c01cdb87f5121bbd8f6a07f72873482a58379e78"),
]


@pytest.mark.parametrize(("who", "params", "body", "expected"), REST)
def test_a_rest_signature_matches_the_published_vector(
    who: tuple[str, int, str, str], params: dict[str, object] | None, body: str, expected: str
) -> None:
    assert sign_rest(*who, params=params, body=body) == expected


def test_a_login_stamped_in_seconds_matches_the_vector() -> None:
    nonce, _, key, secret = D
    assert sign_login(nonce, 1767225600, key, secret) == (
        "f7a5615d292d7b7985769c6687c3f36da6c5c64dfb7c091741853f02137fdf9a"
    )


def test_a_login_stamped_in_ms_equals_a_bare_rest_signature() -> None:
    nonce, stamp, key, secret = D
    assert sign_login(nonce, stamp, key, secret) == sign_rest(nonce, stamp, key, secret)


def test_parameters_are_sorted_by_key_and_not_escaped() -> None:
    assert query_text({"b": "x y", "a": 1, "B": "&"}) == "B&a1bx y"
