# Which test files guard which files, the quickest to find an edit first. Read by mutate.tcl.
#
#   PATTERN {TEST ...}     the first pattern that a file matches decides
set guard_order {
  ext/crypto/jose/*        {crypto jose fault-h-crypto token attack-jose fault-d}
  ext/crypto/x509/*        {crypto x509 fault-h-crypto anchor attack-x509 fault-d}
  ext/crypto/*             {crypto jose fault-h-crypto secret shared}
  ext/registrar/who/*      {replay capif server credential anchor token fault-h-sla attack-credential fault-a}
  ext/registrar/sla/*      {explain rate limits key-record fault-h-sla token fault-a-sla sla fault-a}
  ext/registrar/ledger/notification* {notification}
  ext/registrar/ledger/*   {charging fault-f-charging invoice audit rows fault-c-ledger charging-random occupancy}
  ext/registrar/held/serves.c {server rotation exchange held key-record}
  ext/registrar/held/*     {batch held key-record gate validity rows exchange message fault-a body}
  ext/registrar/secret/*   {crypto key-record secret credential token rotation exchange}
  ext/registrar/txn/*      {instant gate clock rows fault-a}
  ext/registrar/exchange/* {exchange server rotation exchange-random fault-c-exchange}
  ext/tables/relation/*    {instant audit relations fault-b columns validity rows differential attack-sql}
  ext/tables/function/*    {flags charging fault-f-charging invoice interface audit x509 columns jose validity}
  ext/tables/*             {invoice audit key-record columns relations fault-h-sla anchor secret exchange message}
  ext/messages/api_server.c {server}
  ext/messages/*           {key-record fault-e-message fault-a-message fault-c-message token message body}
  sql/statements/authorize.sql {server rate limits anchor fault-h-sla fault-a-sla sla fault-a}
  sql/statements/occupancy.sql {invoice exchange rows occupancy}
  sql/statements/exchange.sql  {exchange exchange-random fault-c-exchange}
  sql/statements/secret.sql    {key-record replay secret token rotation}
  sql/statements/ledger.sql    {charging invoice audit fault-c-ledger}
  sql/statements/notification.sql {notification}
  sql/statements/charging.sql  {charging fault-f-charging charging-random}
  sql/statements/views.sql     {key-record fault-h-sla validity message}
  sql/statements/*         {batch key-record validity rows token message fault-a}
  sql/relations/*          {charging audit key-record relations fault-h-sla validity message exchange}
}
