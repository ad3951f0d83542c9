"""How networks are trained: one file for each, and its recipe in the list below."""

from fusebench.bench.registry import Registry
from fusebench.methods._recipes import (
    cddfuse,
    defusion,
    drpl,
    fmm,
    fusiongan,
    msgfusion,
    nestfuse,
    rfn_nest,
    smfnet,
    swinfusion,
    vif_net,
)
from fusebench.methods._recipes.base import Recipe

RECIPES: Registry[Recipe] = Registry("recipe")

for _module in (
    cddfuse,
    defusion,
    drpl,
    fmm,
    fusiongan,
    msgfusion,
    nestfuse,
    rfn_nest,
    smfnet,
    swinfusion,
    vif_net,
):
    RECIPES.add(_module.RECIPE)
RECIPES.add(smfnet.MEDICAL_RECIPE)
