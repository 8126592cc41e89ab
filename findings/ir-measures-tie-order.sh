# ir_measures 0.4.3: RR and RR@10 of the same run differ where two scores are equal
#
# RR (like AP and nDCG) is computed by trec_eval's code, which breaks ties by descending document id; RR@k goes to another
# provider, which breaks them by ascending id. A run whose only relevant document shares its score with another has RR 1.0
# and RR@10 0.5, though RR@10 can only differ from RR below rank 10.
#
# Seen:
#   RR 1.0
#   RR@10 0.5
#   AP 1.0
#   nDCG@10 1.0
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder" ir_measures==0.4.3
PYTHONPATH=$folder python3 - <<'P'
import sys
import ir_measures
from ir_measures import AP, RR, Qrel, ScoredDoc, nDCG
judgements = [Qrel("q", "b", 1)]
run = [ScoredDoc("q", "a", 1.0), ScoredDoc("q", "b", 1.0)]
seen = [(str(measure), ir_measures.calc_aggregate([measure], judgements, run)[measure]) for measure in (RR, RR @ 10, AP, nDCG @ 10)]
for name, value in seen:
    print(name, value)
sys.exit(seen != [("RR", 1.0), ("RR@10", 0.5), ("AP", 1.0), ("nDCG@10", 1.0)])
P
