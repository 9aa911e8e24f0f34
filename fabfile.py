from tasks import ns

__all__ = ["ns"]
