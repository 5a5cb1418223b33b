/** A connection that takes extensions: of node:sqlite (with allowExtension), better-sqlite3, libsql, bun:sqlite. */
export interface Database {
  loadExtension(file: string): void;
}

/** The library's file, for hosts that load it in another way than load() does. */
export declare function getLoadablePath(): string;

/** The file with the statements that make the relations, once in each database; seal_schema() gives the same text. */
export declare function getInstallSqlPath(): string;

/** Loads the extension into this connection. Throws what the host throws where it can't. */
export declare function load(db: Database): void;
