package org.fdorigin.harness;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/** A test of what standard JVMTI alone cannot give: skipped with {@code fdorigin.hotspot=off}. */
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(RequiresHotspot.Condition.class)
public @interface RequiresHotspot {

  /** Decides by the system property alone. */
  final class Condition implements ExecutionCondition {
    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
      return Build.hotspotOff()
          ? ConditionEvaluationResult.disabled("what is known of HotSpot is switched off")
          : ConditionEvaluationResult.enabled("HotSpot's own data may be read");
    }
  }
}
