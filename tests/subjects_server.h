/* subjects_server.h - a server of HTTP for the subjects: its content is a file. */
#ifndef LEAT_SUBJECTS_SERVER_H
#define LEAT_SUBJECTS_SERVER_H

/* subject_server_port - of a server on the loopback, which is started by the first call in a process, and ends with it. A GET of
 * any path gets the content of the file as it is then; a range of it with the same ETag. */
int subject_server_port(const char *path);

#endif
