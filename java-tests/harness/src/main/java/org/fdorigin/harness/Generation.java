package org.fdorigin.harness;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/** The generations of CRaC's contract that the stand-in can play. */
public enum Generation {
  /** The first prototype: details without descriptor numbers, nothing checked in Java. */
  G0,
  /** Early binaries for 17: as G0, with a dry run where Java has already failed. */
  G1,
  /** Today's: {@code jdk.internal.crac.mirror}, {@code FD fd=N type=T path=P}. */
  G3;

  /** The argument file that turns a stock JVM into one of this generation. */
  public Path arguments() {
    Path folder =
        Build.standin().orElseThrow(() -> new IllegalStateException("no stand-in is named"));
    Path file = folder.resolve("standin-" + name().toLowerCase(Locale.ROOT) + ".args");
    if (!Files.exists(file)) {
      throw new IllegalStateException(file + " does not exist");
    }
    return file;
  }
}
