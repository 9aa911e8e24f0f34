import pytest

from tasks.settings.kinds import Wrong
from tasks.settings.schema import schema


@pytest.mark.parametrize(
    ("path", "value"),
    [
        *(
            ("aws.region", region)
            for region in ("eu-central-1", "us-gov-west-1", "ap-southeast-5", "eusc-de-east-1", "cn-north-1")
        ),
        *(("aws.endpoint", origin) for origin in ("http://127.0.0.1:8000", "https://localhost", "http://127.12.0.2:8000")),
        *(("management.instance_id", one) for one in ("i-0123456789abcdef0", "i-1234abcd")),
        *(("management.tag", tag) for tag in ("ramped:role=management", "Name=the one", "a==")),
        *(("ssh.user", user) for user in ("ec2-user", "_www", "deploy.er")),
        *(("ssh.gateway", gateway) for gateway in ("management", "jump@bastion.example.com:2222", "10.0.0.1", "bastion")),
        *(("app.directory", folder) for folder in ("app", "/srv/my shop/app", "~/x")),
        *(("app.branch", branch) for branch in ("main", "release/2.0", "feature_x-1")),
        *(("app.manage", path) for path in ("manage.py", "src/manage.py", "..data/manage.py")),
        *(
            ("app.domain", domain)
            for domain in ("example.com", "www.shop.example", "localhost", "xn--bcher-kva.example", "shop.test")
        ),
        *(("app.health_path", path) for path in ("/", "/health_check/example.com", "/health/?full=1")),
        *(("image.name", name) for name in ("www.example.com", "shop (eu) [1]/a-b_c'@", "abc")),
        *(("static.url", url) for url in ("/static/", "/a/b/", "/s/", "/", "https://cdn.example/s/", "//cdn.example:8/")),
        *(("static.cdn", cdn) for cdn in ("https://d111111abcdef8.cloudfront.net", "http://127.0.0.1:8080")),
        *(("static.distribution", one) for one in ("E2QWRUHAPOMQZL", "EDFDVBD6EXAMPLE")),
        ("app.services", ["gunicorn.service", "celery@1.service", "gunicorn"]),
        ("groups", ["web fleet", "a/b"]),
    ],
)
def test_what_operators_have_is_allowed(path: str, value: object) -> None:
    schema()[path].read(value)


@pytest.mark.parametrize(
    ("path", "value", "hint"),
    [
        ("aws.region", "eu-central-1a", "its region is eu-central-1"),
        ("aws.region", "Frankfurt", ""),
        ("aws.endpoint", "127.0.0.1:8000", ""),
        ("aws.endpoint", "http://127.0.0.1:8000/", "without a path: http://127.0.0.1:8000"),
        ("management.instance_id", "i-123", ""),
        ("management.instance_id", "web-1", ""),
        ("management.tag", "management", ""),
        ("management.tag", "aws:x=y", ""),
        ("management.tag", "", ""),
        ("management.tag", "=x", ""),
        ("ssh.user", "Deploy User", ""),
        ("ssh.user", "user@host", ""),
        ("ssh.port", 0, ""),
        ("ssh.port", 65536, ""),
        ("ssh.gateway", "ssh://host", ""),
        ("ssh.gateway", "a@b@c", ""),
        ("ssh.timeout", 0, ""),
        ("app.branch", "-x", ""),
        ("app.branch", "a..b", ""),
        ("app.branch", "a b", ""),
        ("app.branch", "a/", ""),
        ("app.branch", True, "in quotes"),
        ("app.manage", "/srv/app/manage.py", ""),
        ("app.manage", "../manage.py", ""),
        ("app.requirements", ["a.txt", "/b.txt"], "the item '/b.txt'"),
        ("app.requirements", "requirements.txt", "write [requirements.txt]"),
        ("app.services", [], ""),
        ("app.services", ["my service"], "my service"),
        ("app.services", ["a;reboot"], "a;reboot"),
        ("app.domain", "https://www.example.com", "only the name: www.example.com"),
        ("app.domain", "https://www.example.com/shop", "only the name: www.example.com"),
        ("app.domain", "www.example.com:8000", "only the name: www.example.com"),
        ("app.domain", "www.example.com/", "only the name: www.example.com"),
        ("app.domain", "-x.example", ""),
        ("app.domain", "a" * 64 + ".example", ""),
        ("app.domain", ".".join(["a" * 60] * 5), ""),
        ("app.health_path", "health", ""),
        ("app.health_path", "/a b", ""),
        ("image.name", "ab", ""),
        ("image.name", "a" * 101, ""),
        ("image.name", "shöp", ""),
        ("image.name", "shop:1", ""),
        ("static.url", "static/", ""),
        ("static.url", "/static", ""),
        ("static.url", "//", ""),
        ("static.url", "https://cdn.example/static", ""),
        ("static.url", "ftp://cdn.example/static/", ""),
        ("static.url", "https:///static/", ""),
        ("static.cdn", "https://cdn.example/static/", "without a path: https://cdn.example"),
        ("static.cdn", "cdn.example", ""),
        ("static.distribution", "d111111abcdef8.cloudfront.net", "neither the domain name nor the ARN"),
        ("static.distribution", "arn:aws:cloudfront::1:distribution/E1", "neither the domain name nor the ARN"),
        ("groups", ["arn:aws:autoscaling:x"], "arn"),
        ("groups", ["web", "web"], "twice"),
    ],
)
def test_what_operators_get_wrong_is_refused(path: str, value: object, hint: str) -> None:
    with pytest.raises(Wrong) as caught:
        schema()[path].read(value)
    assert hint in str(caught.value)
