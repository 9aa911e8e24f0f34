"""Old names of settings: they still work, with a warning."""

from collections.abc import Mapping

# Old path -> new path. Durations are called timeouts; a pause of a rollout is not the baking of an image.
RENAMED: Mapping[str, str] = {
    "app.boot_deadline": "app.boot_timeout",
    "app.judge_migrations": "app.check_migrations",
    "health_check.draining": "health_check.draining_file",
    "image.deadline": "image.timeout",
    "restart.deadline": "restart.timeout",
    "rollout.bake": "rollout.pause",
    "rollout.deadline": "rollout.timeout",
    "rollout.instance_deadline": "rollout.instance_timeout",
    "static.deadline": "static.timeout",
    "static.keep": "static.keep_releases",
}
