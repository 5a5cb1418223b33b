# Which test files guard which files, the quickest to find an edit first. Read by mutate.tcl.
#
#   PATTERN {TEST ...}     the first pattern that a file matches decides
array set guards {}
set guard_order {
  ext/crypto/jose/*        {jose fault-d fault-h-crypto token attack-jose}
  ext/crypto/x509/*        {x509 fault-d fault-h-crypto anchor attack-x509}
  ext/crypto/*             {crypto jose fault-h-crypto shared secret}
  ext/registrar/who/*      {credential replay token fault-h-sla fault-a attack-credential}
  ext/registrar/sla/*      {sla rate limits fault-h-sla fault-a-sla fault-a explain token}
  ext/registrar/ledger/*   {audit charging fault-c-ledger rows occupancy invoice}
  ext/registrar/held/*     {rows batch fault-a key-record gate validity message}
  ext/registrar/secret/*   {crypto key-record secret token}
  ext/registrar/txn/*      {instant gate fault-a clock}
  ext/registrar/exchange/* {exchange fault-c-exchange exchange-random}
  ext/tables/relation/*    {fault-b relations instant attack-sql}
  ext/tables/function/*    {flags x509 jose charging columns interface invoice validity}
  ext/tables/*             {relations audit anchor key-record columns fault-h-sla secret}
  ext/messages/*           {message body fault-a-message fault-c-message token key-record}
  sql/statements/authorize.sql {sla rate fault-h-sla limits fault-a}
  sql/statements/occupancy.sql {rows invoice occupancy}
  sql/statements/exchange.sql  {exchange fault-c-exchange}
  sql/statements/secret.sql    {secret token key-record replay}
  sql/statements/ledger.sql    {audit charging fault-c-ledger invoice}
  sql/statements/charging.sql  {charging invoice}
  sql/statements/views.sql     {validity fault-h-sla key-record}
  sql/statements/*         {rows validity message fault-a key-record token}
  sql/relations/*          {validity relations message key-record charging audit fault-h-sla}
}
