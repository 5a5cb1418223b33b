/* How a relation is asked (table.h): xBestIndex, which writes the statement on the storage. SQLite flattens the
** view in it, so that a constraint on a column is a constraint on the storage's index.
**
** What is taken of WHERE:
**   - comparisons =, IS, <, <=, >, >= whose collation is BINARY, IS NULL, and IN of the key, of what finds few
**     rows and of the row id. Of a comparison of row values SQLite gives the first members alone, as one that lets
**     more rows pass. <>, LIKE, IS NOT NULL and their like are its own: it does not say which collation they have,
**     and offers those of the ON of a LEFT JOIN for its left table too, whose rows they must not leave out.
**   - ORDER BY, where all of it is columns of storage.
**   - Neither LIMIT nor OFFSET: SQLite may give them while it keeps terms (`a = b`, EXISTS) to itself, and does
**     not say so. A cursor reads row by row, so that a LIMIT ends it early all the same.
**   - `at`, as a term of its own: = IN IS, IS NULL.
*/
#include "tables/relation/table.h"

#include <assert.h>
#include <string.h>

/* What finding a row in each way costs, and how many rows it finds. */
#define COST_UNIQUE 10
#define COST_LOOKUP 50
#define COST_KEY    5000
#define COST_ALL    3000000
#define COST_NEVER  1e18
#define ROWS_ALL    1000000

typedef struct Plan {
  sqlite3_index_info *info;
  const SealRelation *relation;
  sqlite3_str *where;
  char letters[SEAL_PLAN_ARGS_MAX + 1];
  int n;        /* arguments so far */
  int first;    /* the statement's number of the first value: after ?1 and what the hook binds */
  int lookup;   /* an equality that finds few rows */
  unsigned key; /* a bit for each column of the key that has an equality */
  int at;       /* the column `at`; -1: the relation has none */
  int at_terms; /* how many constraints on it are offered */
  int refused;  /* an argument that is needed can't be had in this order of tables */
  int lists;    /* INs that are taken with all values at once: the rows come in no order */
  int several;  /* one of them is of `at` */
  char *fault;  /* what is wrong with the query; NULL: nothing */
} Plan;

/* Of what is planned. */
typedef enum Alternative {
  WHOLE,  /* a query */
  DEARER, /* maybe an alternative of an OR: two of them have to cost more than the whole, so that none is gone */
  OTHER_INSTANT /* one that would take its rows from another instant than the whole */
} Alternative;

static const char *operator_text(unsigned char op) {
  switch (op) {
  case SQLITE_INDEX_CONSTRAINT_EQ:
    return "=";
  case SQLITE_INDEX_CONSTRAINT_GT:
    return ">";
  case SQLITE_INDEX_CONSTRAINT_LE:
    return "<=";
  case SQLITE_INDEX_CONSTRAINT_LT:
    return "<";
  case SQLITE_INDEX_CONSTRAINT_GE:
    return ">=";
  case SQLITE_INDEX_CONSTRAINT_IS:
    return "IS";
  case SQLITE_INDEX_CONSTRAINT_ISNULL:
    return "IS NULL";
  default:
    return NULL;
  }
}

static void take(Plan *plan, int i, char letter, int omit) {
  assert(plan->n < SEAL_PLAN_ARGS_MAX);
  plan->letters[plan->n++] = letter;
  plan->info->aConstraintUsage[i].argvIndex = plan->n;
  plan->info->aConstraintUsage[i].omit = (unsigned char)omit;
}

/* What is wrong with a query is said once: the first. */
static void fault_is(Plan *plan, const char *what) {
  if (plan->fault != NULL || plan->refused) return;
  plan->fault = sqlite3_mprintf("seal_%s: %s", plan->relation->is->name, what);
  if (plan->fault == NULL) plan->refused = 1;
}

/* The hidden column "at": = IN and IS give the clock, IS NULL shows everything. A row can't be asked whether it
** is of that instant, so that SQLite must not check it again. */
static void plan_at(Plan *plan, int i) {
  const struct sqlite3_index_constraint *c = &plan->info->aConstraint[i];
  plan->at_terms++;
  if (c->op != SQLITE_INDEX_CONSTRAINT_EQ && c->op != SQLITE_INDEX_CONSTRAINT_IS &&
      c->op != SQLITE_INDEX_CONSTRAINT_ISNULL) {
    fault_is(plan, "at is compared by =, IN, IS or IS NULL: it says when, and has no order");
  } else if (i >= SEAL_PLAN_OMIT_MAX) {
    fault_is(plan, "at has to stand among the first 16 terms of WHERE");
  } else if (!c->usable || plan->n == SEAL_PLAN_ARGS_MAX) {
    plan->refused = 1;
  } else if (c->op == SQLITE_INDEX_CONSTRAINT_ISNULL) {
    take(plan, i, SEAL_AT_NULL, 1);
  } else if (sqlite3_vtab_in(plan->info, i, 1)) {
    take(plan, i, SEAL_AT_IN, 1);
    plan->several = 1;
  } else {
    take(plan, i, c->op == SQLITE_INDEX_CONSTRAINT_IS ? SEAL_AT_IS : SEAL_AT_EQ, 1);
  }
}

/* 1 if it finds rows by an index. */
static int finds_few(const SealColumn *column) {
  return column == NULL || column->flags & (SEAL_COL_LOOKUP | SEAL_COL_KEY);
}

static char letter_of(const Plan *plan, const SealColumn *column, unsigned char op) {
  int equal = op == SQLITE_INDEX_CONSTRAINT_EQ || op == SQLITE_INDEX_CONSTRAINT_IS;
  int to = op == SQLITE_INDEX_CONSTRAINT_LT || op == SQLITE_INDEX_CONSTRAINT_LE;
  if (column == NULL || column->kind == SEAL_KIND_COUNT) return SEAL_ARG_NUMBER;
  if (column->kind == SEAL_KIND_INSTANT) {
    return equal ? SEAL_ARG_TIME : to ? SEAL_ARG_TO : SEAL_ARG_FROM;
  }
  int named =
      plan->relation->bind && column->flags & SEAL_COL_KEY && op == SQLITE_INDEX_CONSTRAINT_EQ;
  return named ? SEAL_ARG_NAME : SEAL_ARG_TEXT;
}

/* An equality says how many rows there can be. */
static void count_equality(Plan *plan, const SealColumn *column, int i) {
  if (column == NULL || column->flags & SEAL_COL_LOOKUP) plan->lookup = 1;
  if (column != NULL && column->flags & SEAL_COL_KEY) {
    plan->key |= 1U << plan->info->aConstraint[i].iColumn;
  }
}

/* IN with all values at once, one for a query. */
static void plan_list(Plan *plan, const SealColumn *column, int i) {
  int number = column == NULL || column->kind == SEAL_KIND_COUNT;
  if (!finds_few(column) || plan->lists > 0) return;
  (void)sqlite3_vtab_in(plan->info, i, 1);
  plan->lists++;
  take(plan, i, number ? SEAL_ARG_SERIES : SEAL_ARG_LIST, 0);
  sqlite3_str_appendf(plan->where, " AND \"%w\" = ?%d", column ? column->name : "id",
                      plan->n + plan->first - 1);
  count_equality(plan, column, i);
}

static void plan_constraint(Plan *plan, int i) {
  const struct sqlite3_index_constraint *c = &plan->info->aConstraint[i];
  const SealColumn *column = c->iColumn < 0 ? NULL : &plan->relation->is->columns[c->iColumn];
  const char *op = operator_text(c->op), *name = column ? column->name : "id";
  if (op == NULL || !c->usable || i >= SEAL_PLAN_ARGS_MAX || plan->n == SEAL_PLAN_ARGS_MAX) return;
  if (column && column->flags & (SEAL_COL_HIDDEN | SEAL_COL_VIRTUAL)) return;
  if (c->op == SQLITE_INDEX_CONSTRAINT_ISNULL) {
    take(plan, i, SEAL_ARG_NONE, 0);
    sqlite3_str_appendf(plan->where, " AND \"%w\" %s", name, op);
    return;
  }
  if (strcmp(sqlite3_vtab_collation(plan->info, i), "BINARY") != 0) return;
  if (sqlite3_vtab_in(plan->info, i, -1)) {
    plan_list(plan, column, i);
    return;
  }
  char letter = letter_of(plan, column, c->op);
  /* The start of a day is above the text of its date. */
  if (letter == SEAL_ARG_FROM) op = ">=";
  take(plan, i, letter, 0);
  sqlite3_str_appendf(plan->where, " AND \"%w\" %s ?%d", name, op, plan->n + plan->first - 1);
  if (c->op == SQLITE_INDEX_CONSTRAINT_EQ || c->op == SQLITE_INDEX_CONSTRAINT_IS) {
    count_equality(plan, column, i);
  }
}

/* ORDER BY, if all of it is ours to give. */
static void plan_order(Plan *plan, sqlite3_str *order) {
  sqlite3_index_info *info = plan->info;
  if (info->nOrderBy == 0 || plan->lists > 0 || plan->several) return;
  for (int i = 0; i < info->nOrderBy; i++) {
    int c = info->aOrderBy[i].iColumn;
    if (c >= 0 && plan->relation->is->columns[c].flags & (SEAL_COL_HIDDEN | SEAL_COL_VIRTUAL))
      return;
  }
  for (int i = 0; i < info->nOrderBy; i++) {
    int c = info->aOrderBy[i].iColumn;
    sqlite3_str_appendf(order, "%s\"%w\"%s", i ? ", " : " ORDER BY ",
                        c < 0 ? "id" : plan->relation->is->columns[c].name,
                        info->aOrderBy[i].desc ? " DESC" : "");
  }
  info->orderByConsumed = 1;
}

/* The columns that the query needs; the others are not computed. */
static void plan_columns(const Plan *plan, sqlite3_str *out) {
  sqlite3_str_appendall(out, "id");
  for (int i = 0; i < plan->relation->is->n_columns; i++) {
    const SealColumn *column = &plan->relation->is->columns[i];
    if (column->flags & SEAL_COL_HIDDEN) continue;
    int used = (plan->info->colUsed >> (i < 63 ? i : 63)) & 1;
    if (used || plan->relation->column != NULL) {
      sqlite3_str_appendf(out, ", \"%w\"", column->name);
    } else {
      sqlite3_str_appendall(out, ", NULL");
    }
  }
}

static int plan_text(Plan *plan, enum SealSql view) {
  sqlite3_str *columns = sqlite3_str_new(NULL), *order = sqlite3_str_new(NULL);
  plan_order(plan, order);
  plan_columns(plan, columns);
  int rc =
      sqlite3_str_errcode(columns) | sqlite3_str_errcode(order) | sqlite3_str_errcode(plan->where);
  int n_where = sqlite3_str_length(plan->where), n_order = sqlite3_str_length(order);
  char *c = sqlite3_str_finish(columns), *w = sqlite3_str_value(plan->where);
  char *o = sqlite3_str_finish(order);
  char *sql = sqlite3_mprintf(seal_sql[SQL_VIEW_FRAME], c, seal_sql[view], w ? w : "", o ? o : "");
  plan->letters[plan->n] = 0;
  if (sql != NULL && rc == 0) {
    int start = (int)strlen(sql) - n_order - n_where;
    plan->info->idxStr = sqlite3_mprintf("%s %d %d\n%s", plan->letters, start, n_where, sql);
  }
  plan->info->needToFreeIdxStr = 1;
  sqlite3_free(sql);
  sqlite3_free(c);
  sqlite3_free(o);
  return plan->info->idxStr ? SQLITE_OK : SQLITE_NOMEM;
}

/* SQLite takes the alternatives of an OR for queries of their own where that is cheap. What `at` asks is then lost to
** the whole: beside OR SQLite would check it again, of rows that can't tell. Such a query is not to be told from one
** of WHERE, but by what was planned before: the whole, of the same columns, which comes first and has fewer terms (of
** SQLite 3.53 on; before, an alternative lacks the terms beside OR, `at` too). */
static Alternative is_alternative(SealTable *table, const Plan *plan) {
  sqlite3_uint64 used = plan->info->colUsed;
  if (plan->at < 0 || !(used >> plan->at & 1)) return WHOLE;
  int asks = plan->at_terms > 0, n = plan->info->nConstraint;
  if (table->planned == used) {
    if (table->planned_asks != asks) return OTHER_INSTANT;
    if (n > table->planned_terms) return asks ? DEARER : WHOLE;
  }
  table->planned = used;
  table->planned_asks = asks;
  table->planned_terms = n;
  return WHOLE;
}

static int find_at(const SealRelation *relation) {
  int i = relation->is->n_columns - 1;
  while (i >= 0 && strcmp(relation->is->columns[i].name, "at") != 0) i--;
  return i;
}

/* That there is one row at most is never promised: beside a number '7' and '07' are the same key. */
static void plan_cost(const Plan *plan, int unique, Alternative alternative) {
  sqlite3_index_info *info = plan->info;
  int few = unique && plan->lists == 0 && !plan->several;
  info->estimatedRows = few ? 1 : plan->lookup || unique ? 10 : plan->key ? 1000 : ROWS_ALL;
  info->estimatedCost = few                      ? COST_UNIQUE
                        : plan->lookup || unique ? COST_LOOKUP
                        : plan->key              ? COST_KEY
                                                 : COST_ALL;
  if (alternative == DEARER) {
    info->estimatedCost += COST_ALL;
    info->estimatedRows = ROWS_ALL;
  }
  if (alternative == OTHER_INSTANT) {
    info->estimatedCost = COST_NEVER;
    info->estimatedRows = (sqlite3_int64)COST_NEVER;
  }
}

int seal_table_plan(sqlite3_vtab *base, sqlite3_index_info *info) {
  SealTable *table = (SealTable *)base;
  const SealRelation *relation = table->relation;
  Plan plan = {
      .info = info, .relation = relation, .first = relation->bind ? 3 : 2, .at = find_at(relation)};
  plan.where = sqlite3_str_new(NULL);
  /* What is asked of `at` has to be taken: first. */
  for (int i = 0; i < info->nConstraint; i++) {
    if (plan.at >= 0 && info->aConstraint[i].iColumn == plan.at) plan_at(&plan, i);
  }
  for (int i = 0; i < info->nConstraint; i++) plan_constraint(&plan, i);
  int unique = plan.key != 0 && __builtin_popcount(plan.key) == relation->is->n_keys;
  Alternative alternative = is_alternative(table, &plan);
  plan_cost(&plan, unique, alternative);
  int rc = SQLITE_CONSTRAINT;
  if (plan.fault != NULL && alternative != OTHER_INSTANT) {
    rc = seal_table_fail(table, SQLITE_ERROR, plan.fault);
    plan.fault = NULL;
  } else if (plan.fault == NULL && !plan.refused) {
    rc = plan_text(&plan, plan.lookup || unique ? relation->is->view : relation->is->view_all);
  }
  sqlite3_free(plan.fault);
  sqlite3_free(sqlite3_str_finish(plan.where));
  return rc;
}
