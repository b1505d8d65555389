"""FrankMocap's hand module: a ResNet that regresses the right hand of SMPL-X from one crop."""
