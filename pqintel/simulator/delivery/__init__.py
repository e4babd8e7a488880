"""Delivering events to a webhook URL as Stripe does: signed, at least once, in no promised order."""

from pqintel.simulator.delivery.conditions import Conditions, Parcel
from pqintel.simulator.delivery.deliverer import Deliverer
from pqintel.simulator.delivery.parcels import pack
from pqintel.simulator.delivery.report import Answer, DeliveryReport, percentile

__all__ = ["Answer", "Conditions", "Deliverer", "DeliveryReport", "Parcel", "pack", "percentile"]
