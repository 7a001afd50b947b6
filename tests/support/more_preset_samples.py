"""Made-up exports of further systems, each in the shape and with the trap that its system is known for."""

from __future__ import annotations

TYPEFORM = (
    "#,Your name,How likely?,How likely?,company,Start Date (UTC),Submit Date (UTC)\n"
    "t1,Ann,9,,A1,2025-07-01 09:58:00,2025-07-01 10:00:00\nt2,Bo,,,A1,2025-07-01 09:58:00,2025-07-01 11:00:00\n"
)
FORMBRICKS = (
    '"No.","Response ID","Timestamp","Finished","Survey ID","User ID","How likely?"\n'
    '"1","f1","01/07/2025 10:00:05","Yes","s1","\'+49A1","3"\n"2","f2","13/07/2025 10:00:05","No","s1","A2",""\n'
)
CUSTOMERGAUGE = (
    "response_id,account,date_sent,date_responded,nps_score\n"
    "g1,A1,2025-07-01 10:00:00,2025-07-02 10:00:00,10\ng2,A1,2025-07-01 10:00:00,,\n"
)
ASKNICELY = (
    "response_id,company,question_type,answer,sent,responded\n"
    "n1,A1,nps,7,1751364000,1751367600\nn2,A1,star,5,1751364000,1751367600\n"
)
HUBSPOT_FEEDBACK = (
    "Record ID,Survey Type,Rating,Company,Response Date\n"
    "h1,NPS,2,9002;9999,2025-07-01 10:00\nh2,CSAT,2,9002,2025-07-01 10:00\n"
)
HUBSPOT_DEALS = (
    "Record ID,Deal Name,Deal Stage,Amount,Close Date,Associated Company IDs\n"
    "d1,A deal,Closed Won,1200,2024-02-01 09:30,9002;9999\nd2,Another,Appointment Scheduled,10,,9002\n"
)
HUBSPOT_COMPANY_SHEET = "Record ID,Company name,Industry,Create Date\n9001,Nordwind GmbH,Furniture,2024-02-01 09:30\n"
SALESFORCE_REPORT = (
    "Offene Opportunities\n\nOpportunity-ID;Account Name;Phase;Betrag;Schlusstermin\n"
    '006A;Nordwind GmbH;Closed Won;"1.200,50";13.02.2024\n006B;Nordwind GmbH;Closed Lost;"10,00";03.02.2024\n'
    '"Grand Totals (2 records)"\n"Confidential Information - Do Not Distribute"\n"Copyright (c) 2000-2024"\n'
)
DYNAMICS = (
    "(Do Not Modify) Account,(Do Not Modify) Row Checksum,(Do Not Modify) Modified On,Account Name,"
    "Primary Contact (Applicant) (Account),Created On\n5f1c,x==,2025-01-01 10:00:00,Nordwind GmbH,Ann,2020-03-01\n"
)
PIPEDRIVE = (
    "Deal - ID;Deal - Title;Deal - Organization;Deal - Value;Deal - Status;Deal - Won time\n"
    "1;A;Nordwind GmbH;1200,50;Won;13.02.2025 10:00\n2;B;Nordwind GmbH;5,00;Open;\n"
)
STRIPE_DASHBOARD = (
    "id,Customer,Date (UTC),Currency,Subtotal,Tax,Total,Status\n"
    "in_1,cus_1,2025-01-02 10:00,eur,100.00,19.00,119.00,paid\nin_2,cus_1,2025-01-03 10:00,eur,5,0,5,void\n"
)
XERO_SHEET = (
    "ContactName,InvoiceNumber,InvoiceDate,Total,TaxTotal,LineAmount,Currency,Type,Status\n"
    "Nordwind,INV-1,31/01/2025,120.00,20.00,60.00,EUR,Sales invoice,Paid\n"
    "Nordwind,INV-1,31/01/2025,120.00,20.00,40.00,EUR,Sales invoice,Paid\n"
    "Nordwind,INV-2,03/02/2025,-36.00,-6.00,-30.00,EUR,Sales credit note,Paid\n"
    "Nordwind,INV-3,03/02/2025,5.00,0.00,5.00,EUR,Sales overpayment,Paid\n"
    "Nordwind,INV-4,03/02/2025,5.00,0.00,5.00,EUR,Sales invoice,Voided\n"
    "Supplier,B-1,03/02/2025,5.00,0.00,5.00,EUR,Purchase invoice,Paid\n"
)
QUICKBOOKS = (
    "Nordwind Consulting\nTransaction List by Customer\nJanuary - March 2025\n\n"
    ",Date,Transaction Type,Num,Amount\nNordwind,,,,\n,01/31/2025,Invoice,1001,$700.00\n"
    ',01/31/2025,Invoice,1001,$500.00\n,02/03/2025,Credit Memo,1002,$(250.00)\n,02/05/2025,Payment,7,"-$1,200.00"\n'
    "Total for Nordwind,,,,$-250.00\nSüdlicht,,,,\n,03/04/2025,Invoice,1003,$80.00\nTotal for Südlicht,,,,$80.00\n"
    'TOTAL,,,,-$170.00\n"Accrual Basis Monday, March 31, 2025"\n'
)
ZENDESK_VIEW = (
    "Id,Subject,Requester,Organization,Status,Priority,Created at,Solved at\n"
    "#1,Down,Ann,Nordwind,Solved,Urgent,2025-02-01 10:00,2025-02-03 10:00\n"
    "#2,Ask,Bo,Nordwind,Open,-,2025-02-02 10:00,\n#3,Ask,Bo,-,Open,-,2025-02-02 10:00,\n"
)
FRESHDESK = (
    "Ticket ID,Subject,Status,Priority,Type,Created time,Resolved time,Closed time,Company Name\n"
    "7,Down,Closed,Medium,Incident,2025-02-01T10:00:00Z,2025-02-02T10:00:00Z,2025-02-03T10:00:00Z,Nordwind\n"
)
SAP_SHEET = (
    "Customer,DocumentNo,Type,Doc. Date,Amount in local currency,Text\n"
    '0000012000,1800000001,RV,01/31/2025,"1,234.56",a|b\n'
    "12001,1800000002,DG,02/03/2025,10.00-,credit\n12001,1400000002,DZ,02/03/2025,10.00,payment\n,,*,,1224.56,\n"
)
SAP_BSAD = (
    "BUKRS,KUNNR,BELNR,GJAHR,BLART,BLDAT,SHKZG,DMBTR\n"
    "1000,0000012000,18000001,2025,RV,20250131,S,119.00\n1000,0000012000,18000002,2025,DG,20250201,H,11.90\n"
    "1000,0000012000,14000001,2025,DZ,20250215,H,119.00\n"
)
_WIDE = "|{:5}|{:10}|{:10}|{:3}|{:10}|{:>14}|{:8}|"
SAP_LIST = "\n".join([
    "Lista de partidas", "-" * 70,
    _WIDE.format("   St", "Conta", "Nº doc.", "Tip", "Data doc.", "Mont.em MI", "Texto"), "|" + "-" * 66 + "|",
    _WIDE.format("", "0000012000", "1800000001", "RV", "02.01.2025", "1.000,00 ", "a|b"),
    _WIDE.format("", "12001", "1800000002", "DG", "03.02.2025", "10,00-", "credit"),
    _WIDE.format(" *", "", "", "", "", "990,00*", ""), "-" * 70, "",
])  # fmt: skip
JIRA_GERMAN = (
    "Zusammenfassung;Vorgangsschlüssel;Vorgangstyp;Status;Priorität;Projektname;Erstellt;Erledigt\n"
    "Eins;X-1;Fehler;Offen;Hoch;Nordwind;25.06.2025 12:44;\n"
)
SERVICENOW_LIST = (
    "number,state,opened_at,closed_at,priority,company\n"
    "INC1,Closed,2024-02-29 01:16:05,2024-03-05 12:00:01,1 - Critical,Nordwind\n"
)
