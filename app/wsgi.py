"""Front door: settings → gateway → `application`."""

from app.gateway import open_gateway
from app.process import calm_collector
from app.settings import Settings
from app.web.urls import build

application = build(open_gateway(Settings(), name="web"))
calm_collector()
