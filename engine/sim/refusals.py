"""What the exchange refuses: numbered codes with their texts (protocol sheet, section 3)."""

from __future__ import annotations

TEXTS: dict[int, str] = {
    0: "Success",
    1: "Network Error",
    403: "Forbidden",
    404: "Not Found",
    10001: "Network Error",
    10002: "Parameter Error",
    10003: "api-key is empty",
    10005: "Too many requests, please try again later",
    10006: "Request too frequently, please try again later",
    10007: "Signature Error",
    10008: "Value does not meet the requirements",
    20001: "Market not exists",
    20002: "The current position amount has exceeded the maximum open limit, please adjust the risk limit",
    20003: "Insufficient balance",
    20005: "Invalid leverage",
    20006: "You can't change leverage or margin mode as there are open orders",
    20007: "Order not found",
    20008: "Insufficient amount",
    20009: "Position exists, so positions mode cannot be updated",
    20012: "This futures does not allow trading",
    20015: "This futures is not supported",
    20016: "The number of orders exceeds the batch limit",
    30004: "Position not exist",
    30006: "Please select at least one of TP or SL",
    30007: "TP price is above the average entry price",
    30008: "TP price is below the average entry price",
    30009: "SL price is below the average entry price",
    30010: "SL price is above the average entry price",
    30011: "Abnormal order status",
    30013: "The order amount is larger than the maximum order amount",
    30016: "Amount must be larger than 0",
    30017: "Amount is smaller than the minimum order amount",
    30018: "Reduce-only order can't be placed: no position",
    30019: "Reduce-only order can't be in the direction of the position",
    30020: "TP trigger price must be above the mark price",
    30021: "TP trigger price must be below the mark price",
    30022: "SL trigger price must be above the mark price",
    30023: "SL trigger price must be below the mark price",
    30024: "SL trigger price must be above the liquidation price",
    30025: "SL trigger price must be below the liquidation price",
    30026: "TP trigger price must be above the last price",
    30027: "TP trigger price must be below the last price",
    30028: "SL trigger price must be above the last price",
    30029: "SL trigger price must be below the last price",
    30038: "TP/SL amount must be less than the size of the position",
    30041: "Trigger price must be larger than 0",
    30042: "Client ID duplicate",
}


class Refused(Exception):
    """A request that the exchange does not carry out; ``code`` as in the protocol sheet."""

    def __init__(self, code: int, msg: str = "") -> None:
        self.code = code
        self.msg = msg or TEXTS.get(code, "Error")
        super().__init__(f"{code} {self.msg}")
