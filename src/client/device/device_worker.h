/* The process that opens a device: the calls of device_desk.h, one at a time. */
#pragma once

/* Serve until the other end of the socket is closed. Returns the exit code. */
int device_worker_run(int fd);
