"""Files and fine-tuning jobs."""

import base64
import json
import re
import time

from hosting.state import BASE, FINAL, error


class Jobs:
    """Routes of files and jobs; each returns status and value."""

    def post_files(self, query, body):
        fields = multipart(body, self.headers["Content-Type"])
        number, content = next(self.service.numbers), fields["file"][1]
        bad = next((n for n, line in enumerate(content.splitlines(), 1) if not is_json(line)), None)
        if bad:
            return error(400, f"line {bad} is not JSON", "invalid_file", "file")
        made = self.add_file(
            f"file-{number}", fields["file"][0], content, fields["purpose"][1].decode()
        )
        return 200, made

    def add_file(self, file_id, name, content, purpose):
        self.service.contents[file_id] = content
        self.service.files[file_id] = {
            "id": file_id, "object": "file", "bytes": len(content), "created_at": int(time.time()),
            "filename": name, "purpose": purpose, "status": "processed",
        }  # fmt: skip
        return self.service.files[file_id]

    def get_content(self, file_id, query, body):
        if file_id not in self.service.contents:
            return error(404, f"No such File object: {file_id}")
        return 200, self.service.contents[file_id], "application/octet-stream"

    # Jobs

    def post_jobs(self, query, body):
        service, asked = self.service, json.loads(body)
        if asked["model"] != BASE:
            return error(
                404, f"The model {asked['model']} does not exist", "model_not_found", "model"
            )
        for name in ("training_file", "validation_file"):
            if asked.get(name) is not None and asked[name] not in service.files:
                return error(400, f"File '{asked[name]}' does not exist", "file_not_found", name)
        number = next(service.numbers)
        service.jobs[f"ftjob-{number}"] = job = {
            "id": f"ftjob-{number}", "object": "fine_tuning.job",
            "created_at": 1_700_000_000 + number,
            "model": asked["model"], "organization_id": "org-test", "result_files": [],
            "seed": asked["seed"],
            "status": service.statuses[0], "training_file": asked["training_file"],
            "validation_file": asked.get("validation_file"), "method": asked["method"],
            "hyperparameters": asked["method"]["supervised"]["hyperparameters"],
            "metadata": asked.get("metadata"),
            "fine_tuned_model": None, "finished_at": None, "trained_tokens": None, "error": None,
            "user_provided_suffix": asked.get("suffix"), "looks": 0,
        }  # fmt: skip
        return 200, job

    def get_jobs(self, query, body):
        newest = list(reversed(self.service.jobs.values()))
        return 200, self.page(newest, query)

    def get_job(self, job_id, query, body):
        job = self.service.jobs.get(job_id)
        if job is None:
            return error(404, f"Could not find fine tune: {job_id}", "fine_tune_not_found")
        self.go_on(job)
        return 200, job

    def post_cancel(self, job_id, query, body):
        job = self.service.jobs.get(job_id)
        if job is None:
            return error(404, f"Could not find fine tune: {job_id}")
        if job["status"] in FINAL:
            return error(400, f"Job has already completed: {job_id}")
        job["status"] = "cancelled"
        return 200, job

    def get_events(self, job_id, query, body):
        return 200, self.page(list(reversed(self.service.events[job_id])), query)

    def page(self, items, query):
        size = min(int(query.get("limit", 20)), self.service.page_size)
        start = 0
        if "after" in query and not self.service.ignores_after:
            start = next(n for n, item in enumerate(items, 1) if item["id"] == query["after"])
        answer = {"object": "list", "data": items[start : start + size]}
        if self.service.says_has_more and not self.service.ignores_after:
            answer["has_more"] = start + size < len(items)
        return answer

    def go_on(self, job):
        service = self.service
        if job["status"] in FINAL:
            return
        job["looks"] += 1
        job["status"] = service.statuses[min(job["looks"], len(service.statuses) - 1)]
        if job["status"] == "running":
            done = sum("step" in (event["data"] or {}) for event in service.events[job["id"]])
            for step in range(done + 1, min(service.steps, done + max(1, service.steps // 2)) + 1):
                self.add_event(
                    job["id"],
                    f"Step {step}",
                    {"step": step, "total_steps": service.steps, **figures(step)},
                )
        if job["status"] == "succeeded":
            self.succeed(job)
        if job["status"] == "failed":
            job["error"] = service.failure

    def succeed(self, job):
        service = self.service
        for step in range(1, service.steps + 1):
            if not any(
                (event["data"] or {}).get("step") == step for event in service.events[job["id"]]
            ):
                self.add_event(
                    job["id"],
                    f"Step {step}",
                    {"step": step, "total_steps": service.steps, **figures(step)},
                )
        job["fine_tuned_model"] = (
            f"ft:{BASE}:org-test:{job['user_provided_suffix']}:{job['id'][6:]:0>8}"
        )
        job["finished_at"], job["trained_tokens"] = job["created_at"] + 95, 4321
        if service.with_result_file:
            rows = [
                f"{n},{figures(n)['train_loss']},0.5,{figures(n).get('valid_loss', '')},"
                for n in range(1, service.steps + 1)
            ]
            head = "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy"
            content = "\n".join(
                [head, *reversed(rows)]
            ).encode()  # newest first, as a plot must not show them
            content = base64.encodebytes(content) if service.base64_results else content
            job["result_files"] = [
                self.add_file(
                    f"file-result-{job['id']}", "step_metrics.csv", content, "fine-tune-results"
                )["id"]
            ]

    def add_event(self, job_id, message, data):
        number = next(self.service.numbers)
        self.service.events[job_id].append(
            {"id": f"ftevent-{number}", "object": "fine_tuning.job.event", "created_at": number,
             "level": "info",
             "message": message, "data": data, "type": "metrics"}
        )  # fmt: skip


def figures(step):
    """Losses that fall; a validation every fourth step."""
    validation = {"valid_loss": round(2.5 / step**0.5, 4)} if step % 4 == 0 else {}
    return {"train_loss": round(2.0 / step**0.5, 4), **validation}


def is_json(line):
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def multipart(body, content_type):
    """Field → (file name, bytes)."""
    mark = re.search(r"boundary=([^;]+)", content_type)[1].strip('"').encode()
    fields = {}
    for part in body.split(b"--" + mark)[1:-1]:
        head, _, value = part.removeprefix(b"\r\n").removesuffix(b"\r\n").partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]+)"', head)[1].decode()
        file_name = re.search(rb'filename="([^"]*)"', head)
        fields[name] = (file_name[1].decode() if file_name else None, value)
    return fields
