package org.fdorigin;

import java.io.IOException;
import java.nio.file.Path;
import org.crac.Context;
import org.crac.Core;
import org.crac.Resource;

/**
 * Writes a report before every checkpoint, whether or not it fails: who opened what is open when
 * the application believes that it has closed everything.
 *
 * <p>CRaC notifies resources in the reverse order of their registration, so one that is registered
 * first is notified last. Its context keeps a weak reference only: keep it in a static field.
 */
public final class ReportBeforeCheckpoint implements Resource {

  private final Path path;

  private ReportBeforeCheckpoint(Path path) {
    this.path = path;
  }

  /** Registers one; the answer must be kept. */
  public static ReportBeforeCheckpoint register(Path path) {
    ReportBeforeCheckpoint resource = new ReportBeforeCheckpoint(path);
    Core.getGlobalContext().register(resource);
    return resource;
  }

  @Override
  public void beforeCheckpoint(Context<? extends Resource> context) throws IOException {
    if (FdOrigin.isLoaded()) {
      FdOrigin.report(path);
    }
  }

  @Override
  public void afterRestore(Context<? extends Resource> context) {}
}
