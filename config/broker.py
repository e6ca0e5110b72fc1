"""Celery's settings: messages are hints, the database holds what is due, so one may be lost, doubled or late."""

from __future__ import annotations

from typing import Any

from kombu.entity import Exchange, Queue

from config.env import Env

QUEUES = ("interactive", "sync", "notify", "maintenance")
PREFIX = "broker:"


def broker_settings(env: Env) -> dict[str, Any]:
    """Early acknowledgement, no results, JSON only, time limits below the lease, one queue per urgency."""
    soft = soft_time_limit(env)
    return {
        "broker_url": env.redis_url,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            "visibility_timeout": 900,
            "socket_timeout": 10,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 25,
            "retry_on_timeout": True,
            "unacked_restore_interval": 10,
            "unacked_restore_throttle": 3,
            "global_keyprefix": PREFIX,
            "queue_order_strategy": "round_robin",
        },
        "result_backend": None,
        "task_ignore_result": True,
        "task_store_errors_even_if_ignored": False,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_protocol": 2,
        "timezone": "UTC",
        "enable_utc": True,
        "task_acks_late": False,
        "task_reject_on_worker_lost": False,
        "task_soft_time_limit": soft,
        "task_time_limit": round(max(env.lease_seconds * 0.75, soft + (env.lease_seconds - soft) / 3), 1),
        "task_create_missing_queues": False,
        "task_default_queue": "maintenance",
        "task_queues": [_queue(name) for name in QUEUES],
        "task_routes": {
            "notifications.*": {"queue": "notify"},
            "sync.*": {"queue": "sync"},
            # Many at one hour, and long: syncs have their turn between them.
            "sync.tasks.prove": {"queue": "maintenance"},
        },
        "task_publish_retry_policy": {"max_retries": 3, "interval_start": 0, "interval_step": 0.2, "interval_max": 1},
        "worker_concurrency": 2,
        "worker_prefetch_multiplier": 1,
        "worker_eta_task_limit": 100,
        "worker_max_tasks_per_child": 2000,
        "worker_max_memory_per_child": 144 * 1024,  # kB: what a large slice leaves behind is not given back otherwise
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_send_task_events": False,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "beat_schedule": beat_schedule(env),
    }


def soft_time_limit(env: Env) -> float:
    """Seconds; long enough for calls that leave at the last moment and are answered at the last moment: a slice that is cut
    off in a call leaves a request whose outcome nobody knows."""
    calls = env.send_deadline_seconds + env.http_timeout_seconds
    return round(max(env.lease_seconds * 0.625, calls + (env.lease_seconds - calls) / 3), 1)


def _queue(name: str) -> Queue:
    """An exchange of its own: on a shared one every queue would receive every message."""
    return Queue(name, Exchange(name), routing_key=name)  # type: ignore[no-untyped-call]


def beat_schedule(env: Env) -> dict[str, dict[str, Any]]:
    """The clock: each entry expires before its successor is due, so an outage leaves no pile."""
    hour, day = 3600.0, 86400.0
    return {
        "tick": _entry("sync.tasks.tick", every=env.tick_seconds, queue="sync"),
        "deliver": _entry("notifications.tasks.deliver", every=min(3.0, env.tick_seconds * 3), queue="notify"),
        "daily": _entry("notifications.tasks.daily", every=300.0, queue="notify"),
        "keep-alive": _entry("connectors.tasks.keep_alive", every=day, queue="maintenance"),
        "proofs": _entry("sync.tasks.prove_due", every=60.0, queue="maintenance"),
        "hourly": _entry("sync.tasks.nightly", every=hour, queue="maintenance"),  # the name that workers know it by
    }


def _entry(task: str, *, every: float, queue: str) -> dict[str, Any]:
    return {"task": task, "schedule": every, "options": {"queue": queue, "expires": max(every * 0.9, 0.5)}}
