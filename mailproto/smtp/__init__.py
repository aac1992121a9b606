"""SMTP"""
from ._codec import *
from ._extensions import *
from ._server import *
from ._states import *
from ._vocabulary import *
