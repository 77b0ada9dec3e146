/* The open database, for the store's own files. */
#ifndef AGLM_REPORTS_STORE_DB_H
#define AGLM_REPORTS_STORE_DB_H

#include "reports/store.h"

#include <sqlite3.h>

struct aglm_store {
    sqlite3 *db;
    char *path;
};

/* The error for what SQLite just answered; `doing` completes "could not …". */
int aglm_store_db_error(struct aglm_store *store, int rc, const char *doing, struct aglm_err *err);

#endif
