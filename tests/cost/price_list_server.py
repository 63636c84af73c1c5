"""AWS's price list and the Spot Instance Advisor on loopback, with the real files' columns."""

from __future__ import annotations

import csv
import io
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# The columns of AmazonEC2's file in a region, in their order, those of hardware details left out.
COLUMNS = [
    *("SKU", "OfferTermCode", "RateCode", "TermType", "PriceDescription", "EffectiveDate"),
    *("StartingRange", "EndingRange", "Unit", "PricePerUnit", "Currency", "RelatedTo"),
    *("LeaseContractLength", "PurchaseOption", "OfferingClass", "Product Family", "serviceCode"),
    *("Location", "Location Type", "Instance Type", "Current Generation", "Instance Family"),
    *("Tenancy", "EBS Optimized", "Operating System", "License Model", "usageType", "operation"),
    *("CapacityStatus", "Pre Installed S/W", "Region Code", "serviceName", "Volume API Name"),
    *("MarketOption",),
]
MACHINE = {
    "TermType": "OnDemand",
    "Unit": "Hrs",
    "Currency": "USD",
    "Product Family": "Compute Instance",
    "serviceCode": "AmazonEC2",
    "Location": "EU (Frankfurt)",
    "Location Type": "AWS Region",
    "Tenancy": "Shared",
    "Operating System": "Linux",
    "License Model": "No License required",
    "operation": "RunInstances",
    "CapacityStatus": "Used",
    "Pre Installed S/W": "NA",
    "Region Code": "eu-central-1",
    "MarketOption": "OnDemand",
}


def machine(kind: str, price: str, **changed: str) -> dict[str, str]:
    """A row of an instance type."""
    usage = {"Instance Type": kind, "usageType": f"EUC1-BoxUsage:{kind}", "PricePerUnit": price}
    return {**MACHINE, **usage, **{key.replace("_", " "): value for key, value in changed.items()}}


def usage(kind: str, unit: str, price: str, operation: str = "", **changed: str) -> dict[str, str]:
    """A row of something that is no instance."""
    row = {"TermType": "OnDemand", "Unit": unit, "PricePerUnit": price, "Currency": "USD"}
    return {**row, "usageType": kind, "operation": operation, **changed}


VOLUME = usage("EUC1-EBS:VolumeUsage.gp3", "GB-Mo", "0.0952000000", "CreateVolume-Gp3")
ADDRESS = usage("EUC1-PublicIPv4:InUseAddress", "Hrs", "0.0050000000", "AllocateAddressVPC")
BALANCER = usage("EUC1-LoadBalancerUsage", "Hrs", "0.0270000000", "LoadBalancing:Network")


def table(rows: list[Mapping[str, str]], published: str = "2026-11-20T21:59:55Z") -> bytes:
    """A CSV file as AWS has it: every value in quotes, five lines above the table."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows(
        [
            ("FormatVersion", "v1.0"),
            ("Disclaimer", "This pricing list is for informational purposes only."),
            ("Publication Date", published),
            ("Version", "20261120215955"),
            ("OfferCode", "AmazonEC2"),
            COLUMNS,
        ]
    )
    writer.writerows([[row.get(column, "") for column in COLUMNS] for row in rows])
    return text.getvalue().encode()


def offers(region: str, **files: bytes) -> dict[str, bytes]:
    """The paths of a price list: the index, the regions of each offer, and their files."""
    version = "20261120215955"
    base = "/offers/v1.0/aws"
    listed = {
        code: {
            "offerCode": code,
            "versionIndexUrl": f"{base}/{code}/index.json",
            "currentVersionUrl": f"{base}/{code}/current/index.json",
            "currentRegionIndexUrl": f"{base}/{code}/current/region_index.json",
        }
        for code in files
    }
    paths = {f"{base}/index.json": json.dumps({"formatVersion": "v1.0", "offers": listed}).encode()}
    for code, content in files.items():
        file = f"{base}/{code}/{version}/{region}/index"
        regions = {region: {"regionCode": region, "currentVersionUrl": f"{file}.json"}}
        paths[f"{base}/{code}/current/region_index.json"] = json.dumps(
            {"formatVersion": "v1.0", "regions": regions}
        ).encode()
        paths[f"{file}.csv"] = content
    return paths


def advisor(region: str, savings: Mapping[str, int]) -> bytes:
    """The Spot Instance Advisor's data: `s` are the percent saved."""
    linux = {kind: {"s": percent, "r": 1} for kind, percent in savings.items()}
    content = {"global_rate": "<10%", "spot_advisor": {region: {"Linux": linux, "Windows": {}}}}
    return json.dumps(content).encode()


@contextmanager
def served(paths: Mapping[str, bytes], cut: str = "") -> Iterator[str]:
    """The paths on loopback; the file at `cut` ends before the length that was announced."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = paths.get(self.path)
            if body is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Last-Modified", "Thu, 19 Nov 2026 07:00:00 GMT")
            self.end_headers()
            self.wfile.write(body[:-20] if self.path == cut else body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
