"""Prelude of what the tests of the middleware run in a project's own process: stock WhiteNoise and ours, side by side."""

PRELUDE = """
import asyncio, gzip, hashlib, json, os, threading, time
from pathlib import Path
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponseNotFound
from django.test import RequestFactory
from django.urls import Resolver404, resolve
from whitenoise.middleware import WhiteNoiseMiddleware
import config.static_middleware as module
from config.static_middleware import StaticFilesMiddleware

ROOT = Path(settings.STATIC_ROOT)
asked = []

def last(request):
    asked.append(request.path_info)
    try:
        request.resolver_match = resolve(request.path_info)
    except Resolver404:
        return HttpResponseNotFound(b"the project's own page")
    return request.resolver_match.func(request)

def request(path, method="GET", **headers):
    made = RequestFactory().generic(method, "/", **{"HTTP_HOST": "www.example.com", **headers})
    made.path_info = made.path = path
    return made

def answer(middleware, path, method="GET", **headers):
    response = middleware(request(path, method, **headers))
    try:
        body = b"".join(response.streaming_content) if response.streaming else response.content
    finally:
        response.close()
    return response.status_code, sorted(response.items()), body

def put(name, content):
    path = ROOT / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return "/static/" + name

def hashed(name, content):
    stem, dot, end = name.rpartition(".")
    return put(f"{stem}.{hashlib.md5(content).hexdigest()[:12]}.{end}", content)

def tagged(got):
    # Stock gives all encodings of a file one strong ETag.
    encoding = header(got, "Content-Encoding")
    tag = lambda name, value: value[:-1] + f'-{encoding}"' if encoding and name == "ETag" else value
    return got[0], [(name, tag(name, value)) for name, value in got[1]], got[2]

def header(got, name):
    return dict(got[1]).get(name)
"""
